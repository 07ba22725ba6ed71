import { signal } from "@preact/signals";
import { hangUp, offer } from "./api";
import { parseTime, WallClock } from "./clock";
import { FrameWatch } from "./frames";
import { completeOffer, noDelay } from "./peer";

interface TrackInfo {
  camera: string;
  name: string;
  mid: string;
  error: { message: string } | null;
}
type Event =
  | {
      ev: "ready";
      window: { from: string; to: string };
      cameras: TrackInfo[];
      audio: { camera: string | null };
    }
  | {
      ev: "map";
      rate: number;
      paused: boolean;
      at: string;
      tracks: { camera: string; rtp: number; first: number }[];
    }
  | { ev: "state"; at: string; paused: boolean; rate: number; live_edge: string | null }
  | { ev: "gap"; camera: string; from: string; to: string | null; cause: string }
  | { ev: "gap_end"; camera: string }
  | { ev: "error"; camera: string; message: string }
  | { ev: "end" };
type Answer = { re: number; ok?: true; error?: { code: string; message: string; field?: string } };

/**
 * Playback of one exam session under a grant: one PeerConnection, all its cameras in step, the
 * commands and events of viewer/PROTOCOL.md.
 */
export class Playback {
  readonly at = signal(0); // play clock, milliseconds since 1970
  readonly paused = signal(true);
  readonly rate = signal(1);
  readonly ready = signal(false);
  readonly problem = signal("");
  readonly gaps = signal<Record<string, { cause: string; from: string } | undefined>>({});
  readonly streams = signal<Record<string, MediaStream>>({});
  readonly errors = signal<Record<string, string | undefined>>({}); // cameras without a picture, and why
  readonly sound = signal<MediaStream | null>(null);
  readonly audible = signal<string | null>(null); // camera whose sound is sent
  readonly liveEdge = signal<number | null>(null);
  main: string | undefined; // camera of the large picture
  private readonly clocks = new Map<string, WallClock>();
  private readonly receivers = new Map<string, RTCRtpReceiver>(); // by camera
  private readonly watching = new Set<() => void>();

  private readonly pc = new RTCPeerConnection();
  private readonly control: RTCDataChannel;
  private readonly byMid = new Map<string, { stream: MediaStream; receiver: RTCRtpReceiver }>();
  private readonly waiting = new Map<number, { done: () => void; fail: (e: Error) => void }>();
  private location = "";
  private nextID = 1;
  private closed = false;

  constructor(
    private readonly session: string,
    cameras: string[],
    from: number,
    private readonly grant: string,
  ) {
    for (const c of cameras) this.clocks.set(c, new WallClock());
    this.pc.ontrack = (e) => this.track(e);
    this.pc.onconnectionstatechange = () => {
      if (this.pc.connectionState === "failed") this.problem.value = "connection";
    };
    this.control = this.pc.createDataChannel("control");
    this.control.onmessage = (e) => this.hear(JSON.parse(String(e.data)) as Event | Answer);
    for (let i = 0; i < cameras.length; i++) this.pc.addTransceiver("video", { direction: "recvonly" });
    this.pc.addTransceiver("audio", { direction: "recvonly" });
    void this.connect(from);
  }

  private async connect(from: number) {
    try {
      const sdp = await completeOffer(this.pc);
      const at = encodeURIComponent(new Date(from).toISOString());
      const a = await offer(`/exam-sessions/${this.session}/playback?at=${at}&grant=${this.grant}`, sdp);
      if (this.closed) return hangUp(a.location);
      this.location = a.location;
      await this.pc.setRemoteDescription({ type: "answer", sdp: a.sdp });
    } catch (e) {
      if (!this.closed) this.problem.value = (e as Error).message;
    }
  }

  close() {
    this.closed = true;
    hangUp(this.location);
    this.pc.close();
  }

  private track(e: RTCTrackEvent) {
    noDelay(e.receiver);
    const stream = new MediaStream([e.track]);
    if (e.track.kind === "audio") this.sound.value = stream;
    else this.byMid.set(e.transceiver.mid ?? "", { stream, receiver: e.receiver });
  }

  private hear(m: Event | Answer) {
    if ("re" in m) {
      const w = this.waiting.get(m.re);
      this.waiting.delete(m.re);
      if (m.error) w?.fail(new Error(m.error.message));
      else w?.done();
      return;
    }
    this.event(m);
  }

  private event(m: Event) {
    switch (m.ev) {
      case "ready": {
        const streams: Record<string, MediaStream> = {};
        for (const c of m.cameras) {
          const t = this.byMid.get(c.mid);
          if (!t) continue;
          streams[c.camera] = t.stream;
          this.receivers.set(c.camera, t.receiver);
        }
        this.streams.value = streams;
        this.errors.value = Object.fromEntries(m.cameras.map((c) => [c.camera, c.error?.message]));
        this.ready.value = true;
        return;
      }
      case "map":
        for (const t of m.tracks) {
          this.clocks.get(t.camera)?.add({
            rtp: t.rtp,
            first: t.first,
            at: parseTime(m.at),
            rate: m.rate,
          });
        }
        this.lookAgain();
        return;
      case "state":
        this.at.value = parseTime(m.at);
        this.paused.value = m.paused;
        this.rate.value = m.rate;
        this.liveEdge.value = m.live_edge ? parseTime(m.live_edge) : null;
        this.lookAgain();
        return;
      case "gap":
        this.gaps.value = { ...this.gaps.value, [m.camera]: { cause: m.cause, from: m.from } };
        return;
      case "gap_end":
        this.gaps.value = { ...this.gaps.value, [m.camera]: undefined };
        return;
      case "error":
        this.problem.value = m.message;
        return;
      case "end":
        this.paused.value = true;
    }
  }

  private lookAgain() {
    for (const look of this.watching) look();
  }

  /** Calls back with the wall clock of the frame on screen, until the returned function is called. */
  watch(camera: string, video: HTMLVideoElement, shown: (wall: number) => void): () => void {
    const frames = new FrameWatch(video, (rtp) => {
      const wall = this.clocks.get(camera)?.at(rtp);
      if (wall !== undefined) shown(wall);
    });
    const look = () => {
      const newest = this.receivers.get(camera)?.getSynchronizationSources()[0]?.rtpTimestamp;
      frames.again(this.paused.value ? newest : undefined);
    };
    this.watching.add(look);
    return () => {
      this.watching.delete(look);
      frames.stop();
    };
  }

  /** Sends a command; resolves when the server has done it, rejects with its reason. */
  send(cmd: string, fields: Record<string, unknown> = {}): Promise<void> {
    const id = this.nextID++;
    return new Promise((done, fail) => {
      if (this.control.readyState !== "open") return fail(new Error("not connected"));
      this.waiting.set(id, { done, fail });
      this.control.send(JSON.stringify({ id, cmd, ...fields }));
    });
  }

  seek(ms: number) {
    this.at.value = ms;
    return this.send("seek", { at: new Date(ms).toISOString() });
  }
  toggle() {
    return this.send(this.paused.value ? "play" : "pause");
  }
  /** Moves by frames of the large picture; where that has none, of the first camera that has one. */
  step(frames: 1 | -1) {
    const shown = this.main && !this.gaps.value[this.main] && !this.errors.value[this.main];
    return this.send("step", shown ? { frames, camera: this.main } : { frames });
  }
  speed(rate: number) {
    return this.send("speed", { rate });
  }
  skipGaps(skip: boolean) {
    return this.send("gaps", { mode: skip ? "skip" : "wait" });
  }
  listen(camera: string | null) {
    this.audible.value = camera;
    return this.send("audio", { camera });
  }
}
