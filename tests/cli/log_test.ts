import { describe, expect, test } from "bun:test";
import { openLog } from "../../cli/log.ts";

async function line(options: { readonly colours?: boolean }): Promise<string> {
  let written = "";
  const write = (text: string) => {
    written += text;
  };
  const log = await openLog({ level: "info", format: "pretty", write, ...options });
  log.logger.warn("The door is open");
  log.flush();
  return written;
}

const ESCAPE = "\u001b[";

describe("lines for people", () => {
  test("have no colours, unless a terminal shows them", async () => {
    expect(await line({})).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WRN The door is open\n$/);
    expect(await line({ colours: false })).not.toContain(ESCAPE);
  });

  test("have colours on a terminal", async () => {
    const written = await line({ colours: true });
    expect(written).toContain(ESCAPE);
    expect(written).toContain("WRN");
  });
});
