import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const binary = resolve(import.meta.dirname, "../../../bin/lieciba");

/** A server of its own, with an empty data folder. */
export interface Served {
  /** By the name that passkeys need. */
  base: string;
  stop: () => Promise<void>;
}

/** Makes accounts, as an operator at the machine does, and serves. */
export async function serve(config: string, accounts: { login: string; role: string; password: string }[]) {
  const dir = mkdtempSync(join(tmpdir(), "lieciba-serve-"));
  const file = join(dir, "lieciba.yaml");
  const where = `data: ${join(dir, "data")}\nhttp: { listen: "127.0.0.1:0" }\nwebrtc: { port: 0 }\n`;
  writeFileSync(file, where + config);
  for (const a of accounts)
    execFileSync(binary, ["user", "add", a.login, "--name", a.login, "--role", a.role, "-c", file], {
      input: `${a.password}\n`,
    });
  const server = spawn(binary, ["serve", "-c", file], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((done) => server.once("exit", () => done()));
  const base = await new Promise<string>((done, fail) => {
    const said: string[] = [];
    createInterface(server.stderr).on("line", (line) => {
      said.push(line);
      const port = /^lieciba serves http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port) done(`http://localhost:${port}`);
    });
    server.once("exit", () => fail(new Error(said.join("\n"))));
  });
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  return { base, stop } satisfies Served;
}
