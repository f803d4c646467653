import { describe, expect, test } from "bun:test";
import { TextWriter } from "../../src/base/text_writer.ts";

function textOf(writer: TextWriter): string {
  return new TextDecoder().decode(writer.written());
}

describe("text on its way to bytes", () => {
  test("is put together piece by piece", () => {
    const writer = new TextWriter();
    writer.text("Content-Length");
    writer.byte(0x3a);
    writer.byte(0x20);
    writer.number(1_048_570);
    writer.lineEnd();
    writer.bytes(Uint8Array.of(1, 2));
    expect(textOf(writer)).toBe("Content-Length: 1048570\r\n\x01\x02");
  });

  test.each([0, 9, 10, 99, 100, 65_535])("writes %d as it is", (number) => {
    const writer = new TextWriter();
    writer.number(number);
    expect(textOf(writer)).toBe(`${number}`);
  });

  test("is UTF-8, with text before and behind", () => {
    const writer = new TextWriter();
    for (const piece of ["a", "é€📞", "b"]) expect(writer.text(piece)).toBe(true);
    expect(textOf(writer)).toBe("aé€📞b");
  });

  test.each(["\r", "\n", "\0"])("tells of %j, which would end a line", (character) => {
    const writer = new TextWriter();
    expect(writer.text(`a${character}`)).toBe(false);
    expect(writer.text("b")).toBe(true);
  });

  test("grows with what it holds, and keeps it", () => {
    const writer = new TextWriter();
    const piece = "0123456789é".repeat(100);
    for (let count = 0; count < 30; count++) {
      writer.text(piece);
      writer.bytes(new Uint8Array(300).fill(0x2e));
    }
    expect(textOf(writer)).toBe(`${piece}${".".repeat(300)}`.repeat(30));
  });

  test("begins anew, and what was written before stays as it was", () => {
    const writer = new TextWriter();
    writer.text("first");
    const first = writer.written();
    writer.restart();
    writer.text("other");
    expect(new TextDecoder().decode(first)).toBe("first");
    expect(textOf(writer)).toBe("other");
  });
});
