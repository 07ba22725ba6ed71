/** What requestVideoFrameCallback tells beyond the standard types. */
interface FrameMetadata extends VideoFrameCallbackMetadata {
  rtpTimestamp?: number;
}

/** Calls back for each shown frame with its RTP timestamp until the returned function is called. */
export function watchFrames(video: HTMLVideoElement, shown: (rtp: number) => void): () => void {
  let handle = 0;
  const next = (_: number, meta: FrameMetadata) => {
    if (meta.rtpTimestamp !== undefined) shown(meta.rtpTimestamp);
    handle = video.requestVideoFrameCallback(next);
  };
  handle = video.requestVideoFrameCallback(next);
  return () => video.cancelVideoFrameCallback(handle);
}
