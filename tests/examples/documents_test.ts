import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseActions } from "../../src/action/parse_actions.ts";
import { loadConfig } from "../../src/config/load.ts";
import { parseTwiml } from "../../src/twilio/parse_twiml.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A piece of code in a document. */
interface Block {
  /** `docs/WEBHOOKS.md:12`, where it begins. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
}

/** All of them. Those of docs/CONFIGURATION.md are looked at by the tests of the configuration. */
const BLOCKS: readonly Block[] = [
  "README.md",
  ...readdirSync(`${ROOT}/docs`).map((file) => `docs/${file}`),
]
  .flatMap((file) => {
    const text = readFileSync(`${ROOT}/${file}`, "utf8");
    return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((found): Block => ({
      place: `${file}:${text.slice(0, found.index).split("\n").length}`,
      language: found[1] ?? "",
      text: found[2] ?? "",
    }));
  });

function blocksOf(language: string, text: RegExp): readonly Block[] {
  return BLOCKS.filter((block) => block.language === language && text.test(block.text));
}

describe("what documents show is what the product takes", () => {
  test.each(blocksOf("json", /^\[/))("actions of $place", ({ text }) => {
    expect(parseActions(JSON.parse(text))).toMatchObject({ ok: true });
  });

  test.each(blocksOf("json", /^\{/))("JSON of $place", ({ text }) => {
    const { type, event } = JSON.parse(text);
    expect(type ?? event).toMatch(/^(?:call\.(?:incoming|gathered|recorded)|start)$/);
  });

  test.each(blocksOf("xml", /<Response>/))("TwiML of $place", ({ text }) => {
    expect(parseTwiml(text)).toMatchObject({ ok: true });
  });

  const routes = blocksOf("yaml", /^routes:/m)
    .filter(({ place }) => !place.startsWith("docs/CONFIGURATION.md"));

  test.each(routes)("routes of $place", ({ text }) => {
    const env = { TWILIO_AUTH_TOKEN: "token" };
    const loaded = loadConfig(text, { file: "routes.yaml", env });
    expect(loaded).toMatchObject({ ok: true });
  });
});

describe("links between documents", () => {
  const pages = ["README.md", "examples/README.md"]
    .concat(readdirSync(`${ROOT}/docs`).map((file) => `docs/${file}`));

  test.each(pages)("of %s lead somewhere", (page) => {
    const text = readFileSync(`${ROOT}/${page}`, "utf8").replace(/^```[\s\S]*?^```$/gm, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const { pathname, hash } = new URL(target, `file:///${page}`);
      const path = `${ROOT}${pathname}`;
      if (hash === "") {
        expect(Bun.spawnSync(["test", "-e", path]).exitCode, `${page}: ${target}`).toBe(0);
        continue;
      }
      const headings = [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)]
        .map(([, heading = ""]) => anchorOf(heading));
      expect(headings).toContain(hash.slice(1));
    }
  });
});

/** As GitHub names them. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}
