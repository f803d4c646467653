/**
 * A telephone menu on a web server: hono, and nothing of voicegw.
 *
 *     IVR_SECRET=whsec_… bun examples/webhook-ivr/server.ts
 *     IVR_SECRET=whsec_… deno run -A examples/webhook-ivr/server.ts
 *
 * voicegw tells of a call by a POST of JSON, and the response is a list of actions. `gather` plays
 * the menu and asks again with the key that was pressed; so does `record` with the file. Whatever
 * else happens, such as the end of the call, is only told: 204 answers that.
 *
 * Each text begins with a chime that this server makes itself, so that something is heard on a
 * machine without a program that speaks (`speech.tts`).
 *
 * Environment: `IVR_SECRET` (the `secret` of the route), `PORT` (default 8787; 0 takes any),
 * `OPERATOR` (where 0 leads; default sip:operator@127.0.0.1), `PATIENCE_MS` (how long a key is waited
 * for; default 4000).
 *
 * @module
 */

import process from "node:process";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";

const { IVR_SECRET = "", PORT = "8787" } = process.env;
const { OPERATOR = "sip:operator@127.0.0.1", PATIENCE_MS = "4000" } = process.env;
const RATE = 8000;

/** How often the menu is played to somebody who presses nothing. */
const TRIES_MAX = 3;

/** Frequencies of the chimes, in Hz. */
const CHIMES: Readonly<Record<string, number>> = {
  menu: 660,
  hours: 880,
  message: 550,
  program: 770,
  operator: 990,
  sorry: 330,
  goodbye: 440,
};

type Action = Readonly<Record<string, unknown>>;

/** A chime, and a text behind it. */
function say(chime: string, text: string): readonly Action[] {
  return [{ action: "play", url: `/sounds/${chime}.wav` }, { action: "say", text }];
}

const MENU = "Press 1 for our opening hours, 2 to leave a message, 3 to talk to a program, " +
  "or 0 for somebody who can help you.";

/** Plays the menu, and asks `/menu` with what was pressed, or with nothing. */
function menu(attempt = 1): Action {
  return {
    action: "gather",
    digits: 1,
    timeout_ms: Number(PATIENCE_MS),
    on_empty: true,
    prompts: say("menu", MENU),
    url: `/menu?attempt=${attempt}`,
  };
}

const GOODBYE = [...say("goodbye", "Goodbye."), { action: "hangup" }];

/** What a key of the menu leads to. */
function choose(key: string, attempt: number): readonly Action[] {
  switch (key) {
    case "1":
      return [...say("hours", "We are open from nine to five, Monday to Friday."), menu()];
    case "2":
      return [
        ...say("message", "Speak after the tone, and press the pound key at the end."),
        { action: "record", max_ms: 60_000, silence_ms: 4000, url: "/recorded" },
        // Nothing was recorded
        menu(),
      ];
    case "3":
      return [
        ...say("program", "This program says what you say, for ten seconds."),
        { action: "exec", program: "echo" },
        menu(),
      ];
    case "0":
      return [
        ...say("operator", "One moment please."),
        { action: "transfer", to: OPERATOR },
        // The transfer has failed
        ...say("sorry", "Nobody is there at the moment."),
        menu(),
      ];
    case "":
      return attempt < TRIES_MAX ? [menu(attempt + 1)] : GOODBYE;
    default:
      return [...say("sorry", "There is nothing behind this key."), menu(attempt)];
  }
}

const app = new Hono();

// Sounds are fetched without a signature, and need none
app.get("/sounds/:name", (context) => {
  const frequency = CHIMES[context.req.param("name").replace(/\.wav$/, "")];
  if (frequency === undefined) return context.notFound();
  return context.body(chime(frequency), 200, {
    "Content-Type": "audio/wav",
    "Cache-Control": "max-age=3600",
  });
});

// Who does not know the secret is no gateway of ours
app.use(async (context, next) => {
  try {
    new Webhook(IVR_SECRET).verify(await context.req.text(), context.req.header());
  } catch {
    return context.text("The signature is wrong\n", 401);
  }
  await next();
});

app.post("/voice", async (context) => {
  const { type, data } = await context.req.json();
  console.log(type, data.call_id ?? data.call.id);
  return type === "call.incoming" ? context.json([menu()]) : context.body(null, 204);
});

app.post("/menu", async (context) => {
  const { type, data } = await context.req.json();
  console.log(type, data.digits ?? "");
  // An action of this answer is over: the program's
  if (type !== "call.gathered") return context.body(null, 204);
  return context.json(choose(data.digits, Number(context.req.query("attempt"))));
});

app.post("/recorded", async (context) => {
  const { data } = await context.req.json();
  console.log(`recorded ${data.duration_ms} ms in ${data.file}`);
  return context.json([...say("message", "Thank you."), menu()]);
});

/** Half a second of a tone that fades out, as a WAV file. */
function chime(frequency: number): Uint8Array<ArrayBuffer> {
  const length = RATE / 2;
  const wav = new DataView(new ArrayBuffer(44 + 2 * length));
  const bytes = new Uint8Array(wav.buffer);
  const text = (at: number, word: string) => bytes.set(new TextEncoder().encode(word), at);
  text(0, "RIFF");
  wav.setUint32(4, 36 + 2 * length, true);
  text(8, "WAVEfmt ");
  wav.setUint32(16, 16, true);
  wav.setUint16(20, 1, true);
  wav.setUint16(22, 1, true);
  wav.setUint32(24, RATE, true);
  wav.setUint32(28, 2 * RATE, true);
  wav.setUint16(32, 2, true);
  wav.setUint16(34, 16, true);
  text(36, "data");
  wav.setUint32(40, 2 * length, true);
  for (let index = 0; index < length; index++) {
    const fade = 1 - index / length;
    const sample = 12_000 * fade * Math.sin(2 * Math.PI * frequency * index / RATE);
    wav.setInt16(44 + 2 * index, sample, true);
  }
  return bytes;
}

/** What Bun and Deno call the same thing. */
interface Servers {
  readonly Bun?: {
    serve(options: { hostname: string; port: number; fetch: typeof app.fetch }): {
      readonly port: number;
    };
  };
  readonly Deno?: {
    serve(
      options: { hostname: string; port: number; onListen: () => void },
      fetch: typeof app.fetch,
    ): { readonly addr: { readonly port: number } };
  };
}

if (!IVR_SECRET.startsWith("whsec_")) {
  console.error("Set IVR_SECRET to whsec_ and 32 bytes in base64, here and for voicegw");
  process.exit(2);
}
const { Bun, Deno } = globalThis as unknown as Servers;
const options = { hostname: "127.0.0.1", port: Number(PORT) };
const port = Bun?.serve({ ...options, fetch: app.fetch }).port ??
  Deno?.serve({ ...options, onListen: () => {} }, app.fetch).addr.port;
console.log(`listening on http://127.0.0.1:${port}`);
