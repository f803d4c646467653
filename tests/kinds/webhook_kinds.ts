/**
 * Web servers as the tests of all kinds see them: voicegw's own webhooks, and Twilio's.
 *
 * @module
 */

import { FreezingProxy } from "./freezing_proxy.ts";
import { CallQueue, type FarCall, type FarEnd, type Kind } from "./kind.ts";
import type { WebCall } from "./web_call.ts";
import { JsonCall, StreamCall, twiml, TwimlCall } from "./webhook_calls.ts";
import { openServer, twilioCall } from "./websocket_kinds.ts";

/** A web server behind a proxy. */
async function openWeb(
  answer: (request: Request, path: string) => Response | Promise<Response>,
): Promise<{ readonly proxy: FreezingProxy; readonly url: string; close(): Promise<void> }> {
  const web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => answer(request, new URL(request.url).pathname),
  });
  const proxy = await FreezingProxy.open(web.port ?? 0);
  return {
    proxy,
    url: `http://127.0.0.1:${proxy.port}`,
    close: async () => {
      await proxy.close();
      await web.stop(true);
    },
  };
}

/** A web server for one call. */
async function open(
  makeCall: (proxy: FreezingProxy) => WebCall,
  webhook: (url: string) => Readonly<Record<string, unknown>>,
): Promise<FarEnd> {
  const calls = new CallQueue<FarCall>();
  const behind: { call?: WebCall } = {};
  const web = await openWeb((request, path) => {
    let { call } = behind;
    if (call === undefined) {
      call = behind.call = makeCall(web.proxy);
      calls.push(call);
    }
    return call.soundOf(path) ?? call.answer(request);
  });
  return {
    route: { webhook: { url: `${web.url}/voice`, retries: 0, ...webhook(web.url) } },
    next: () => calls.next(),
    close: web.close,
  };
}

/** A far end that is gone is given up when a response is due for a second, where it is watched. */
function patience(isWatched: boolean) {
  return { timeout: isWatched ? "1s" : "4s" };
}

const HEARS_NOTHING = "a web server of this kind is not given the caller's sound";

/** JSON webhooks that play, gather and command. */
export const WEBHOOK: Kind = {
  name: "webhook",
  open: (isWatched) => open((proxy) => new JsonCall(proxy), () => patience(isWatched)),
  without: { echo: HEARS_NOTHING },
  tellsOfClear: "cleared",
  dropped: "handed over",
  playedOfMarks: "exact",
  noticesHalfOpen: true,
};

/** JSON webhooks that hear the caller, one utterance after the other. */
export const UTTERANCES: Kind = {
  ...WEBHOOK,
  name: "webhook of utterances",
  open: (isWatched) =>
    open((proxy) => new JsonCall(proxy), () => ({ audio: "utterances", ...patience(isWatched) })),
  without: {},
  echoes: "words",
};

/** JSON webhooks, and the audio in the two bodies of one request. */
export const WEB_STREAM: Kind = {
  ...WEBHOOK,
  name: "webhook of a stream",
  open: (isWatched) =>
    open((proxy) => new StreamCall(proxy), () => ({ audio: "stream", ...patience(isWatched) })),
  without: {},
  dropped: "all",
  // One request lasts as long as the call: nothing in it has to be answered in time
  noticesHalfOpen: false,
};

/** Twilio's webhooks, in verbs. */
export const TWIML: Kind = {
  name: "webhook of Twilio's",
  open: (isWatched) =>
    open((proxy) => new TwimlCall(proxy), (url) => ({
      protocol: "twilio",
      status_callback: `${url}/status`,
      ...patience(isWatched),
    })),
  without: {
    echo: HEARS_NOTHING,
    marks: "TwiML has no verb that asks what was heard",
    clear: "TwiML has no verb that drops what was given: a new document takes the place of it",
  },
  tellsOfClear: "marks",
  playedOfMarks: "none",
  noticesHalfOpen: true,
};

/** Twilio's webhooks that give the call to a server of Media Streams. */
export const CONNECT_STREAM: Kind = {
  name: "webhook of Twilio's with a stream",
  open: async () => {
    const life: { proxy?: FreezingProxy; url: string; isDead: boolean } = {
      url: "",
      isDead: false,
    };
    const streams = await openServer((socket, proxy) => {
      const call = twilioCall(socket, proxy);
      const die = call.die.bind(call);
      call.die = () => {
        life.isDead = true;
        die();
      };
      return call;
    }, (url) => ({ url }));
    const web = await openWeb((_request, path) => {
      if (path === "/voice") {
        const { url } = streams.route as { readonly url: string };
        return twiml(`<Connect><Stream url="${url}"/></Connect><Redirect>/after</Redirect>`);
      }
      if (!life.isDead) return twiml("<Hangup/>");
      web.proxy.reset();
      return new Promise(() => {});
    });
    return {
      route: { webhook: { url: `${web.url}/voice`, protocol: "twilio", retries: 0 } },
      targets: "any",
      next: streams.next,
      close: async () => {
        await web.close();
        await streams.close();
      },
    };
  },
  without: {},
  tellsOfClear: "marks",
  playedOfMarks: "none",
  // Pings are as far apart as they are for everybody: longer than a test lasts
  noticesHalfOpen: false,
};
