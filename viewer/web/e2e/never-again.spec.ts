import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "./site";

/** A page of somebody else, on another site than the demo (localhost is not 127.0.0.1). */
async function stranger(): Promise<{ url: string; server: Server }> {
  const server = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html; charset=utf-8");
    answer.end("<!doctype html><title>stranger</title><body></body>");
  });
  await new Promise<void>((done) => server.listen(0, "localhost", done));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, server };
}

// go2rtc put a stream's name into its pages as HTML, where it ran as a script.
test("CVE-2024-29191, CVE-2024-29193: a camera's name is text on every page", async ({
  page,
  site,
  request,
}) => {
  const camera = site.cameras[0]!;
  const evil = `<img src=x onerror="window.owned=1">`;
  const rename = (name: string) =>
    request.patch(`${site.url}/v1/cameras/${camera.id}`, {
      headers: { Authorization: `Bearer ${site.tokens["admin"]}` },
      data: { name },
    });
  expect((await rename(evil)).status()).toBe(200);
  try {
    await page.goto(site.url);
    await expect(page.locator(`.tile[data-camera="${camera.id}"]`)).toContainText(evil);
    expect(await page.evaluate(() => (window as unknown as { owned?: number }).owned)).toBeUndefined();
    expect(await page.locator("img[src='x']").count()).toBe(0);
    // And if a page were careless one day, the browser itself would refuse.
    const refused = await page.evaluate((html) => {
      const names: string[] = [];
      const attempts = [
        () => (document.body.innerHTML = html),
        () => document.body.insertAdjacentHTML("beforeend", html),
        () => {
          const script = document.createElement("script");
          script.text = "window.owned = 1";
          document.body.append(script);
        },
      ];
      for (const attempt of attempts) {
        try {
          attempt();
          names.push("ran");
        } catch (e) {
          names.push((e as Error).name);
        }
      }
      return names;
    }, evil);
    expect(refused).toEqual(["TypeError", "TypeError", "TypeError"]);
    expect(await page.evaluate(() => (window as unknown as { owned?: number }).owned)).toBeUndefined();
  } finally {
    expect((await rename(camera.name)).status()).toBe(200);
  }
});

// go2rtc took a configuration from any page that a browser on its network had open.
test("CVE-2024-29192: a page of another site reads nothing, changes nothing and steals no cookie", async ({
  page,
  site,
}) => {
  const { url, server } = await stranger();
  try {
    expect(await page.evaluate(() => document.cookie)).toBe("");
    const evil = await page.context().newPage(); // the browser that is signed in
    await evil.goto(url);
    const told = await evil.evaluate(async (base) => {
      const out: Record<string, string> = {};
      const attempt = async (name: string, path: string, init: RequestInit) => {
        try {
          const answer = await fetch(base + path, { credentials: "include", ...init });
          out[name] = answer.type === "opaque" ? "unreadable" : String(answer.status);
        } catch {
          out[name] = "refused";
        }
      };
      await attempt("read", "/v1/me", {});
      await attempt("read without asking", "/v1/me", { mode: "no-cors" });
      await attempt("change", "/v1/sites/evil", {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
      await attempt("simple change", "/v1/sign-out", { method: "POST", mode: "no-cors", body: "x" });
      return out;
    }, site.url);
    expect(told["read"]).toBe("refused");
    expect(told["change"]).toBe("refused");
    for (const name of ["read without asking", "simple change"])
      expect(["refused", "unreadable"]).toContain(told[name]);
    // A form that posts by itself, in a window of its own.
    const popup = evil.waitForEvent("popup");
    await evil.evaluate((base) => {
      const form = document.createElement("form");
      form.method = "post";
      form.target = "_blank";
      form.action = `${base}/v1/sign-out`;
      document.body.append(form);
      form.submit();
    }, site.url);
    const posted = await popup;
    await posted.waitForLoadState();
    await expect(posted.locator("body")).toContainText("another origin");
    // A frame shows nothing of ours.
    await evil.evaluate((base) => {
      const frame = document.createElement("iframe");
      frame.src = base;
      document.body.append(frame);
    }, site.url);
    await expect.poll(() => evil.frames().at(-1)!.url()).toContain("chrome-error://");
    await page.reload();
    await expect(page.getByRole("link", { name: "Tiešraide" })).toBeVisible(); // still signed in
  } finally {
    server.close();
  }
});
