import { describe, expect, test } from "bun:test";
import type { Call, CallOutput } from "../../src/call/call.ts";
import { HAND_OVERS_MAX, type HandlerRoute } from "../../src/call/handler_chain.ts";
import type { HandlerCommand } from "../../src/call/handler_message.ts";
import type { HandlerSpec, WebhookSpec, WebsocketSpec } from "../../src/route/route.ts";
import {
  BOT,
  confirmedCall,
  ECHO,
  events,
  makeCall,
  only,
  PLAY,
  startedCall,
  types,
} from "./fixtures.ts";

const WEBHOOK = { type: "webhook", url: "https://example.com/voice" } as WebhookSpec;
const BAD: HandlerSpec = { type: "reject", status: 486, headers: {} };

function websocket(protocol: WebsocketSpec["protocol"]): HandlerSpec {
  return { type: "websocket", url: "wss://example.com/", protocol } as WebsocketSpec;
}

function routeOf(given: Partial<HandlerRoute> = {}): HandlerRoute {
  return {
    name: "sales",
    handlers: [PLAY],
    answer: "auto",
    bargeIn: { mode: "off", after: 300 },
    ...given,
  };
}

function route(name: string): HandlerCommand {
  return { command: "route", name };
}

/** A call whose first handler of the other route runs. */
function handedOver(call: Call, given: Partial<HandlerRoute> = {}, now = 100): CallOutput[] {
  call.command(route("sales"), now);
  return call.handOver(routeOf(given), now);
}

describe("who answers a call", () => {
  function stateWith(handler: HandlerSpec, answer: "auto" | "manual"): string {
    return startedCall({ handlers: [handler], answer }).state;
  }

  test("a webhook always does by itself", () => {
    expect([stateWith(WEBHOOK, "auto"), stateWith(WEBHOOK, "manual")])
      .toEqual(["ringing", "ringing"]);
  });

  test("a program and a WebSocket of our own do where the route says so", () => {
    for (const handler of [BOT, websocket("voicegw")]) {
      expect([stateWith(handler, "auto"), stateWith(handler, "manual")]).toEqual(["up", "ringing"]);
    }
  });

  test("handlers without a word for it never do", () => {
    const audiosocket = { type: "audiosocket", url: "tcp://h:1" } as HandlerSpec;
    for (const handler of [ECHO, PLAY, websocket("twilio"), audiosocket]) {
      expect(stateWith(handler, "manual")).toBe("up");
    }
  });

  test("is asked anew when another handler of the chain takes over", () => {
    const call = startedCall({ handlers: [WEBHOOK, ECHO] });
    call.handlerFailed("gone", 50);
    expect(only(call.handlerStarted(60), "answer").answer.statusCode).toBe(200);
  });
});

describe("start tells that the call is up", () => {
  test("when a handler of on_error takes over an answered call", () => {
    const call = startedCall({ handlers: [BOT, PLAY] });
    expect(only(call.handlerFailed("gone", 50), "start_handler").event.answered).toBe(true);
  });

  test("and says nothing of it before the answer", () => {
    const call = makeCall({ handlers: [BOT, PLAY] });
    expect("answered" in only(call.rtpBound(10_000, 10), "start_handler").event).toBe(false);
    const next = only(call.handlerFailed("gone", 50), "start_handler");
    expect("answered" in next.event).toBe(false);
  });
});

describe("the command route", () => {
  test("asks for the route, and changes nothing yet", () => {
    const call = confirmedCall();
    expect(call.command(route("sales"), 100)).toEqual([{ type: "hand_over", name: "sales" }]);
    expect(call.facts.route).toBe(makeCall().facts.route);
  });

  test("stops the handler and starts the other route's, which is told that the call is up", () => {
    const call = confirmedCall();
    const outputs = handedOver(call, {}, 1020);
    expect(types(outputs)).toEqual(["stop_handler", "listen", "start_handler"]);
    expect(only(outputs, "stop_handler")).toMatchObject({
      route: "sales",
      sipStatus: 200,
      durationMs: 1000,
    });
    const { spec, event } = only(outputs, "start_handler");
    expect(spec).toEqual(PLAY as typeof spec);
    expect(event).toMatchObject({ answered: true, call: { route: "sales" } });
    expect(call.facts.route).toBe("sales");
  });

  test("tells the new handler of keys, and of nothing else before it has started", () => {
    const call = confirmedCall();
    handedOver(call);
    const key = { type: "dtmf", digit: "1", durationMs: 100, source: "rfc4733" } as const;
    expect(events(call.mediaEvent(key, 110))).toHaveLength(1);
    expect(call.mediaEvent({ type: "mark", name: "of another", playedMs: 100 }, 110)).toEqual([]);
    call.handlerStarted(120);
    expect(events(call.mediaEvent({ ...key, digit: "2" }, 500))).toHaveLength(1);
  });

  test("goes on with the new route's on_error, and ends with the new handler's kind", () => {
    const call = confirmedCall({ handlers: [BOT, PLAY] });
    handedOver(call, { handlers: [BOT, ECHO] });
    expect(only(call.handlerFailed("gone", 200), "start_handler").spec.type).toBe("echo");
    const end = only(call.handlerFailed("gone too", 300), "ended").end;
    expect(end).toMatchObject({ cause: "handler_failed", handler: "echo", sipStatus: 200 });
  });

  test("before the answer lets the new handler answer as its route says", () => {
    const call = startedCall({ answer: "manual" });
    const outputs = handedOver(call, { answer: "auto" });
    expect(only(outputs, "stop_handler")).toMatchObject({ sipStatus: 0, durationMs: 0 });
    expect("answered" in only(outputs, "start_handler").event).toBe(false);
    expect(only(call.handlerStarted(200), "answer").answer.statusCode).toBe(200);

    const manual = startedCall({ answer: "manual" });
    handedOver(manual, { handlers: [BOT], answer: "manual" });
    manual.handlerStarted(200);
    expect(manual.state).toBe("ringing");
    expect(only(manual.command({ command: "answer" }, 300), "answer").answer.statusCode).toBe(200);
  });

  test("to a route that rejects ends a call before the answer, and is refused after it", () => {
    const ringing = startedCall({ answer: "manual" });
    expect(only(handedOver(ringing, { handlers: [BAD] }), "answer").answer.statusCode).toBe(486);

    const up = confirmedCall();
    const outputs = handedOver(up, { handlers: [BAD] });
    expect(events(outputs)).toEqual([{
      event: "error",
      command: "route",
      message: 'Route "sales" takes no calls that are answered already',
    }]);
    expect(up.facts.route).not.toBe("sales");
  });

  test("is an error where there is no such route, and the handler keeps the call", () => {
    const call = confirmedCall();
    call.command(route("nobody"), 100);
    const told = events(call.handlers.impossible('There is no route "nobody"'));
    expect(told).toEqual([
      { event: "error", command: "route", message: 'There is no route "nobody"' },
    ]);
    expect(call.command({ command: "mark", name: "m" }, 110)).toHaveLength(1);
  });

  test("is done so many times a call and no more", () => {
    const call = confirmedCall();
    for (let count = 0; count < HAND_OVERS_MAX; count++) {
      expect(types(handedOver(call, { handlers: [BOT] }))).toContain("start_handler");
      call.handlerStarted(100);
    }
    expect(events(call.command(route("sales"), 200))).toMatchObject([
      { event: "error", command: "route" },
    ]);
  });

  test("waits for a transfer that is under way", () => {
    const call = confirmedCall();
    call.command({ command: "transfer", to: "sip:b@example.com" }, 100);
    expect(events(call.command(route("sales"), 110))).toMatchObject([{ event: "error" }]);
    call.transfer.progress({ statusCode: 486, isFinal: true }, 120);
    expect(types(call.command(route("sales"), 130))).toEqual(["hand_over"]);
  });

  test("is too late for a call that is ending", () => {
    const call = confirmedCall();
    call.handlerCompleted(100);
    expect(call.command(route("sales"), 110)).toEqual([]);
    expect(call.handOver(routeOf(), 120)).toEqual([]);
    call.bye(130);
    expect(call.handOver(routeOf(), 140)).toEqual([]);
  });

  test("leaves commands behind that still wait for the ACK", () => {
    const call = startedCall();
    call.command({ command: "hold" }, 30);
    handedOver(call);
    call.handlerStarted(110);
    expect(types(call.acknowledged(new Uint8Array(), 120))).toEqual([]);
  });
});

describe("the command redirect", () => {
  const to = ["sip:a@example.com", "tel:+15551234"];

  test("before the answer gives a 3xx with its Contacts, RFC 3261 §8.3", () => {
    const call = startedCall({ answer: "manual" });
    const outputs = call.command({ command: "redirect", to, status: 302 }, 100);
    expect(only(outputs, "answer").answer).toEqual({
      statusCode: 302,
      headers: [["Contact", "<sip:a@example.com>"], ["Contact", "<tel:+15551234>"]],
    });
    expect(only(outputs, "ended").end).toMatchObject({ cause: "redirected", sipStatus: 302 });
  });

  test("after the answer is an error", () => {
    const told = events(confirmedCall().command({ command: "redirect", to, status: 302 }, 100));
    expect(told).toMatchObject([{ event: "error", command: "redirect" }]);
  });

  test("refuses what cannot stand in a Contact, whoever made it", () => {
    for (const bad of [[], ["sip:a@h>\r\nX-Evil: 1"], ["mailto:a@h"], ["sip:a@h", "<sip:b@h>"]]) {
      const call = startedCall({ answer: "manual" });
      const told = events(call.command({ command: "redirect", to: bad, status: 302 }, 100));
      expect(told).toMatchObject([{ event: "error", command: "redirect" }]);
      expect(call.state).toBe("ringing");
    }
    const call = startedCall({ answer: "manual" });
    const told = events(call.command({ command: "redirect", to, status: 200 }, 100));
    expect(told).toMatchObject([{ event: "error" }]);
  });
});

describe("who hears of the caller's speech", () => {
  const speech = { type: "speech", state: "started", atMs: 500 } as const;

  test("is listened for when any handler of the chain is a webhook, and clears nothing", () => {
    const off = { mode: "off", after: 300 } as const;
    expect(makeCall({ handlers: [BOT] }).listening.bargeIn).toEqual(off);
    const notify = { mode: "notify", after: 300 } as const;
    expect(makeCall({ handlers: [BOT, WEBHOOK] }).listening.bargeIn).toEqual(notify);
    const clear = { mode: "clear", after: 300 } as const;
    const cleared = makeCall({ handlers: [WEBHOOK], bargeIn: clear });
    expect(cleared.listening.bargeIn).toEqual(clear);
  });

  test("with barge_in off only a webhook is told", () => {
    const call = confirmedCall({ handlers: [BOT, WEBHOOK] });
    expect(call.mediaEvent(speech, 600)).toEqual([]);
    call.handlerFailed("gone", 700);
    call.handlerStarted(710);
    expect(events(call.mediaEvent(speech, 800))).toEqual([
      { event: "speech", state: "started", at_ms: 500 },
    ]);
  });

  test("with barge_in every handler is told", () => {
    const call = confirmedCall({ bargeIn: { mode: "notify", after: 300 } });
    expect(events(call.mediaEvent(speech, 600))).toHaveLength(1);
  });

  test("follows the route that the call is handed to", () => {
    const call = confirmedCall();
    expect(only(handedOver(call, { handlers: [WEBHOOK] }), "listen").bargeIn.mode).toBe("notify");
    call.handlerStarted(200);
    expect(events(call.mediaEvent(speech, 600))).toHaveLength(1);
    expect(only(handedOver(call, { handlers: [BOT] }), "listen").bargeIn.mode).toBe("off");
  });
});
