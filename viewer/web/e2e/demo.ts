import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** What `lieciba demo --ready-file` writes once it serves. */
export interface Ready {
  url: string;
  login: string;
  password: string;
  approver: { login: string; password: string };
  tokens: Record<string, string>;
  session: string;
  cameras: { id: string; name: string; audio: string; session: string }[];
}

export function ready(): Ready {
  return JSON.parse(readFileSync(process.env["LIECIBA_READY"] ?? "", "utf8")) as Ready;
}

/** Starts a demo site of its own and waits for its ready file; returns what stops it. */
export async function startDemo(args: string[] = []): Promise<{ file: string; stop: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), "lieciba-e2e-"));
  const file = join(dir, "ready.json");
  const binary = resolve(import.meta.dirname, "../../../bin/lieciba");
  const server = spawn(binary, ["demo", "--ready-file", file, "--data", join(dir, "data"), ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<void>((done) => server.once("exit", () => done()));
  await written(dir, server);
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  return { file, stop };
}

/** Resolves when ready.json has been renamed into the folder; rejects when the server ends first. */
function written(dir: string, server: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    const w = watch(dir, (_, name) => {
      if (name !== "ready.json") return;
      w.close();
      done();
    });
    server.once("exit", (code) => {
      w.close();
      fail(new Error(`lieciba demo ended with ${String(code)} before it was ready`));
    });
  });
}

export default async function setup() {
  const { file, stop } = await startDemo(["--duration", process.env["DEMO_DURATION"] ?? "20m"]);
  process.env["LIECIBA_READY"] = file;
  return stop;
}
