/** What requestVideoFrameCallback tells beyond the standard types. */
interface FrameMetadata extends VideoFrameCallbackMetadata {
  rtpTimestamp?: number;
}

type Video = Pick<HTMLVideoElement, "requestVideoFrameCallback" | "cancelVideoFrameCallback">;

/** Tells the RTP timestamp of the frame on screen, from its start until stop(). */
export class FrameWatch {
  private handle = 0;
  private rtp: number | undefined;

  constructor(
    private readonly video: Video,
    private readonly shown: (rtp: number) => void,
  ) {
    this.ask();
  }

  private ask() {
    this.handle = this.video.requestVideoFrameCallback((_, meta: FrameMetadata) => {
      // First of all: no callback tells of a frame that comes to the screen before it is asked for.
      this.ask();
      this.tell(meta.rtpTimestamp);
    });
  }

  /**
   * Tells once more, after a map has come. While the picture stands, `newest` is the timestamp that the
   * receiver knows: a callback may have passed over the last frame of a burst, and none follows.
   */
  again(newest?: number) {
    const ahead = newest !== undefined && (this.rtp === undefined || ((newest - this.rtp) | 0) > 0);
    this.tell(ahead ? newest : this.rtp);
  }

  private tell(rtp: number | undefined) {
    if (rtp === undefined) return;
    this.rtp = rtp;
    this.shown(rtp);
  }

  stop() {
    this.video.cancelVideoFrameCallback(this.handle);
  }
}
