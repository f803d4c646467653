/**
 * Servers that send back what they hear, one of each protocol that handlers speak: AudioSocket,
 * `voicegw.v1`, Twilio's Media Streams. Prints their ports as one line of JSON.
 *
 * ```
 * bun tests/bench/echo_servers.ts
 * ```
 *
 * @module
 */

const HEADER_BYTES = 3;
const AUDIO_KINDS = { first: 0x10, last: 0x18 };
const MEDIA = '{"event":"media"';
const PAYLOAD = '"payload":"';

interface Connection {
  rest: Uint8Array;
}

const audiosocket = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => {
      socket.setNoDelay(true);
      socket.data = { rest: new Uint8Array(0) };
    },
    data: (socket, data) => {
      const rest = socket.data.rest;
      const bytes = new Uint8Array(rest.length + data.length);
      bytes.set(rest);
      bytes.set(data, rest.length);
      let at = 0;
      while (bytes.length - at >= HEADER_BYTES) {
        const length = (bytes[at + 1] as number) << 8 | (bytes[at + 2] as number);
        const end = at + HEADER_BYTES + length;
        if (end > bytes.length) break;
        const kind = bytes[at] as number;
        if (kind >= AUDIO_KINDS.first && kind <= AUDIO_KINDS.last) {
          socket.write(bytes.subarray(at, end));
        }
        at = end;
      }
      socket.data.rest = bytes.slice(at);
    },
  },
});

/** Serves WebSockets whose messages are answered by `answer`, or not. */
function serve(answer: (message: string | Buffer) => string | Buffer | undefined): number {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, own) =>
      own.upgrade(request) ? undefined : new Response("a WebSocket is wanted", { status: 426 }),
    websocket: {
      perMessageDeflate: false,
      message: (socket, message) => {
        const back = answer(message);
        if (back !== undefined) socket.send(back);
      },
    },
  });
  return server.port ?? 0;
}

function mediaOf(message: string | Buffer): string | undefined {
  if (typeof message !== "string" || !message.startsWith(MEDIA)) return undefined;
  const start = message.indexOf(PAYLOAD) + PAYLOAD.length;
  const payload = message.slice(start, message.indexOf('"', start));
  return `{"event":"media","media":{"payload":"${payload}"}}`;
}

console.log(JSON.stringify({
  audiosocket: audiosocket.port,
  voicegw: serve((message) => typeof message === "string" ? undefined : message),
  twilio: serve(mediaOf),
}));
