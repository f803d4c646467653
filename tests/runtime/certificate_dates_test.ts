import { describe, expect, test } from "bun:test";
import { describeDates } from "../../src/runtime/certificate_dates.ts";
import { tlsText } from "../support/tls_fixtures.ts";

const DAY = 86_400_000;

/** The first moment of a day, UTC. */
function at(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

describe("dates of certificates", () => {
  const server = tlsText("server.pem");
  const expired = tlsText("expired.pem");

  test("are not worth a word while they hold for long", () => {
    expect(describeDates([server], at("2026-01-01"))).toBeUndefined();
    expect(describeDates([server], at("2125-01-01") - 15 * DAY)).toBeUndefined();
  });

  test("are told two weeks before their end, after it, and before their beginning", () => {
    expect(describeDates([server], at("2125-01-01") - 14 * DAY))
      .toBe("expires on 2125-01-01, in 14 days");
    expect(describeDates([server], at("2125-01-01"))).toBe("has expired on 2125-01-01");
    expect(describeDates([server], at("2024-12-31"))).toBe("is not valid before 2025-01-01");
  });

  test("are those of the shortest certificate of a chain", () => {
    expect(describeDates([server, expired], at("2026-01-01"))).toBe("has expired on 2025-01-02");
  });
});
