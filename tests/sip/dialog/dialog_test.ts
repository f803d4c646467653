import { describe, expect, test } from "bun:test";
import { Dialog } from "../../../src/sip/dialog/dialog.ts";
import type { SipRequest, SipResponse } from "../../../src/sip/message/message.ts";
import { nextHopOf } from "../../../src/sip/message/next_hop.ts";
import { parseMessage } from "../../../src/sip/message/parse.ts";

function message<T>(lines: readonly string[]): T {
  return parseMessage(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`)) as T;
}

function invite(extra: readonly string[] = []): SipRequest {
  return message([
    "INVITE sip:bot@192.0.2.2 SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    "From: Ann <sip:ann@example.com>;tag=a1",
    "To: <sip:bot@192.0.2.2>",
    "Call-ID: c1",
    "CSeq: 7 INVITE",
    "Contact: <sip:ann@192.0.2.1:5070>",
    ...extra,
  ]);
}

describe("RFC 3261 §12.1.1 dialog of the called side", () => {
  test("takes over tags, Call-ID, target and numbers", () => {
    const dialog = Dialog.fromRequest(invite(), "b1");
    expect(dialog.id).toEqual({ callId: "c1", localTag: "b1", remoteTag: "a1" });
    expect(dialog.remoteTarget).toBe("sip:ann@192.0.2.1:5070");
  });

  test("sends its BYE to the Contact, with From and To turned round", () => {
    const bye = Dialog.fromRequest(invite(), "b1").createRequest("BYE");
    expect(bye.requestUri).toBe("sip:ann@192.0.2.1:5070");
    expect(bye.headers.from.tag).toBe("b1");
    expect(bye.headers.get("To")).toBe("Ann <sip:ann@example.com>;tag=a1");
    expect(bye.headers.cseq).toEqual({ sequence: 1, method: "BYE" });
  });

  test("keeps the order of Record-Route and sends to its first loose router", () => {
    const dialog = Dialog.fromRequest(
      invite(["Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>"]),
      "b1",
    );
    const bye = dialog.createRequest("BYE");
    expect(bye.headers.getAll("Route")).toEqual([
      "<sip:p2.example.com;lr>",
      "<sip:p1.example.com;lr>",
    ]);
    expect(bye.requestUri).toBe("sip:ann@192.0.2.1:5070");
    expect(dialog.nextHop?.host).toBe("p2.example.com");
  });

  test("puts a strict router into the Request-URI and the target last (§12.2.1.1)", () => {
    const dialog = Dialog.fromRequest(
      invite(["Record-Route: <sip:strict.example.com>", "Record-Route: <sip:p1.example.com;lr>"]),
      "b1",
    );
    const bye = dialog.createRequest("BYE");
    expect(bye.requestUri).toBe("sip:strict.example.com");
    expect(bye.headers.getAll("Route")).toEqual([
      "<sip:p1.example.com;lr>",
      "<sip:ann@192.0.2.1:5070>",
    ]);
  });

  test("refuses a sequence number that is not higher (§12.2.2)", () => {
    const dialog = Dialog.fromRequest(invite(), "b1");
    expect(dialog.acceptSequence(7)).toBe(false);
    expect(dialog.acceptSequence(9)).toBe(true);
    expect(dialog.acceptSequence(8)).toBe(false);
  });
});

describe("RFC 3261 §12.1.2 dialog of the calling side", () => {
  test("reverses Record-Route and repeats the INVITE's number in the ACK", () => {
    const response = message<SipResponse>([
      "SIP/2.0 200 OK",
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
      "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>",
      "From: Ann <sip:ann@example.com>;tag=a1",
      "To: <sip:bot@192.0.2.2>;tag=b1",
      "Call-ID: c1",
      "CSeq: 7 INVITE",
      "Contact: <sip:bot@192.0.2.2:5090;transport=tcp>",
    ]);
    const dialog = Dialog.fromResponse(invite(), response);
    const ack = dialog.createRequest("ACK", { sequence: 7 });
    expect(ack.headers.getAll("Route")).toEqual([
      "<sip:p1.example.com;lr>",
      "<sip:p2.example.com;lr>",
    ]);
    expect(ack.headers.cseq).toEqual({ sequence: 7, method: "ACK" });
    expect(dialog.createRequest("BYE").headers.cseq.sequence).toBe(8);
  });
});

describe("RFC 3261 §19.1 next hop of a URI", () => {
  test("has port and transport only when the URI names them", () => {
    expect(nextHopOf("sip:a@192.0.2.9")).toEqual({
      host: "192.0.2.9",
      port: undefined,
      transport: undefined,
      secure: false,
    });
    expect(nextHopOf("sip:a@192.0.2.9:5070;transport=TCP")).toEqual({
      host: "192.0.2.9",
      port: 5070,
      transport: "tcp",
      secure: false,
    });
  });

  test("means TLS by sips, whatever stream is named (§26.2.2)", () => {
    expect(nextHopOf("sips:a@b.example")).toMatchObject({ transport: undefined, secure: true });
    expect(nextHopOf("sips:a@b.example;transport=tcp")?.transport).toBe("tls");
    expect(nextHopOf("sips:a@b.example;transport=ws")?.transport).toBe("wss");
  });

  test("is the maddr where there is one (RFC 3263 §4)", () => {
    expect(nextHopOf("sip:a@b.example;maddr=192.0.2.7")?.host).toBe("192.0.2.7");
  });

  test("is none for what we cannot send to", () => {
    for (
      const uri of ["sips:a@b;transport=udp", "tel:+1555", "sip:a@b;transport=sctp", "nonsense"]
    ) {
      expect({ uri, hop: nextHopOf(uri) }).toEqual({ uri, hop: undefined });
    }
  });
});
