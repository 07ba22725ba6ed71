import { hangUp, offer, Refusal } from "./api";
import { parseTime, WallClock } from "./clock";
import { completeOffer, noDelay } from "./peer";

export type LiveState = { kind: "connecting" | "live" | "lost" } | { kind: "refused"; why: string };

/**
 * One live picture: asks for it, shows it, and asks again with growing pauses
 * when the line breaks. stop() ends it for good.
 */
export class Live {
  readonly wall = new WallClock();
  private pc: RTCPeerConnection | null = null;
  private location = "";
  private stopped = false;
  private retry = 0;
  private timer = 0;

  constructor(
    private readonly camera: string,
    private readonly stream: "main" | "sub",
    private readonly show: (s: MediaStream) => void,
    private readonly changed: (s: LiveState) => void,
  ) {
    void this.connect();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.drop();
  }

  private drop() {
    hangUp(this.location);
    this.location = "";
    this.pc?.close();
    this.pc = null;
  }

  private async connect() {
    this.changed({ kind: "connecting" });
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const stream = new MediaStream();
    pc.ontrack = (e) => {
      noDelay(e.receiver);
      stream.addTrack(e.track);
      this.show(stream);
    };
    pc.onconnectionstatechange = () => {
      if (pc !== this.pc) return;
      if (pc.connectionState === "connected") {
        this.retry = 0;
        this.changed({ kind: "live" });
      }
      if (pc.connectionState === "failed" || pc.connectionState === "disconnected") this.again();
    };
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.createDataChannel("info").onmessage = (e) => this.hear(JSON.parse(String(e.data)));
    try {
      const sdp = await completeOffer(pc);
      const answer = await offer(`/cameras/${this.camera}/whep?stream=${this.stream}`, sdp);
      if (this.stopped || pc !== this.pc) return hangUp(answer.location);
      this.location = answer.location;
      await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (e) {
      if (this.stopped || pc !== this.pc) return;
      const final = e instanceof Refusal && [401, 403, 404, 422].includes(e.status);
      if (final) this.changed({ kind: "refused", why: (e as Error).message });
      else this.again();
    }
  }

  private hear(m: { ev: string; rtp?: number; first?: number; at?: string }) {
    if (m.ev === "map" && m.rtp !== undefined && m.at) {
      this.wall.add({ rtp: m.rtp, first: m.first ?? m.rtp, at: parseTime(m.at), rate: 1 });
    }
  }

  private again() {
    this.drop();
    if (this.stopped) return;
    this.changed({ kind: "lost" });
    const pause = Math.min(8000, 500 * 2 ** this.retry++) * (0.5 + Math.random() / 2);
    this.timer = window.setTimeout(() => void this.connect(), pause);
  }
}
