import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serializeWav } from "../../../src/audio/wav.ts";
import {
  createSoundFetcher,
  FRESH_MAX,
  freshFor,
  type SoundFetcherOptions,
} from "../../../src/handler/sound/sound_fetcher.ts";
import type { FetchedSound } from "../../../src/handler/sound/url_sound.ts";
import { play, ramp, runtime } from "./sound_fixture.ts";

const WAV = serializeWav(ramp(1_000), 8000);
const TLS = { verify: true };
let server: Server;
let origin = "";
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    if (path.startsWith("/round")) {
      response.writeHead(302, { location: path === "/round/3" ? "/a.wav" : `${path}x` }).end();
    } else if (path === "/moved") {
      response.writeHead(307, { location: "a.wav" }).end();
    } else if (path === "/away") {
      response.writeHead(301, { location: "file:///etc/passwd" }).end();
    } else if (path === "/huge") {
      response.writeHead(200, { "content-length": String(1 << 30) });
      response.write("RIFF");
    } else if (path === "/page") response.end("<html>not found</html>");
    else if (path === "/none") response.writeHead(404).end();
    else response.writeHead(200, { "cache-control": "public, max-age=60" }).end(WAV);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function fetchSound(
  url: string,
  options: Partial<SoundFetcherOptions> = {},
): Promise<FetchedSound> {
  const fetcher = createSoundFetcher({ runtime, ...options });
  return new Promise((resolve) => fetcher.fetch(url, resolve));
}

/** Why it failed, with the server's address as `ORIGIN`. */
async function reason(url: string, options: Partial<SoundFetcherOptions>): Promise<string> {
  const fetched = await fetchSound(url, options);
  return fetched.ok ? "fetched" : fetched.reason.replaceAll(origin, "ORIGIN");
}

describe("fetching sounds", () => {
  const any = { http: { targets: "any" } } as const;

  test("brings the bytes, and how long they are fresh", async () => {
    const fetched = await fetchSound(`${origin}/a.wav`, any);
    expect(fetched).toEqual({ ok: true, bytes: WAV, freshFor: 60_000 });
  });

  test("follows redirections, a few", async () => {
    expect(await fetchSound(`${origin}/moved`, any)).toMatchObject({ ok: true, bytes: WAV });
    expect(await reason(`${origin}/round/1`, any)).toBe(
      "ORIGIN/round/1xxx redirects once more after 3 times",
    );
    expect(await reason(`${origin}/away`, any)).toMatch(/redirects to where nobody can go/);
  });

  test("leads to public addresses and the server of the configuration, unless told otherwise", async () => {
    const local = `${origin}/a.wav`;
    expect(await reason(local, {})).toMatch(/^Cannot get ORIGIN.*set "http\.targets" to "any"/);
    for (const url of [`${origin}/voice`, origin.replace("http:", "ws:")]) {
      expect(await reason(local, { server: { url, tls: TLS } })).toBe("fetched");
      expect(await reason("/a.wav", { server: { url, tls: TLS } })).toBe("fetched");
    }
    const other = { server: { url: "http://127.0.0.1:1/voice", tls: TLS } };
    expect(await reason(local, other)).toMatch(/is not public/);
    for (const url of ["a.wav", "file:///etc/passwd", "ftp://x/a.wav", "ws://x/a.wav"]) {
      expect(await reason(url, any)).toMatch(/^(A URL cannot be read|.*does not begin with http)/);
    }
  });

  test("fails with what to look at, and shows no secret of the URL", async () => {
    expect(await reason(`${origin}/none`, any)).toBe(
      "ORIGIN/none answered 404: is the path right?",
    );
    expect(await reason(`${origin}/huge`, any)).toMatch(/larger than 16 MiB/);
    expect(await reason("http://u:pass@127.0.0.1:1/a?key=secret", any)).not.toMatch(/pass|secret/);
  });

  test("gives what can be played", async () => {
    const fetch = createSoundFetcher({ runtime, ...any });
    const heard = await play({ type: "url", url: `${origin}/a.wav`, loop: 2 }, { fetch });
    expect(heard.samples.length).toBe(2_000);
    const page = await play({ type: "url", url: `${origin}/page`, loop: 1 }, { fetch });
    expect(page.end).toMatch(/not a WAV file/);
  });

  test("says nothing after it was aborted", async () => {
    let told = 0;
    const fetcher = createSoundFetcher({ runtime, ...any });
    fetcher.fetch(`${origin}/a.wav`, () => told++).abort();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told).toBe(0);
  });
});

describe("RFC 9111 §5.2.2 how long a sound is fresh", () => {
  const rows: readonly (readonly [Readonly<Record<string, string>>, number])[] = [
    [{}, 0],
    [{ "cache-control": "max-age=10" }, 10_000],
    [{ "cache-control": 'Public, Max-Age="10"' }, 10_000],
    [{ "cache-control": "max-age=999999" }, FRESH_MAX],
    [{ "cache-control": "max-age=10, s-maxage=20" }, 20_000],
    [{ "cache-control": "max-age=10", "age": "4" }, 6_000],
    [{ "cache-control": "max-age=10", "age": "40" }, 0],
    [{ "cache-control": "max-age=-1" }, 0],
    [{ "cache-control": "max-age=x" }, 0],
    [{ "cache-control": "no-store, max-age=10" }, 0],
    [{ "cache-control": "max-age=10, no-cache" }, 0],
    [{ "cache-control": "private, max-age=10" }, 0],
  ];
  for (const [headers, expected] of rows) {
    test(JSON.stringify(headers), () => expect(freshFor(headers)).toBe(expected));
  }
});
