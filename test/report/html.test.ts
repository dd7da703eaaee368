import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { h, table } from "../../src/report/html.ts";
import { renderHtml } from "../../src/report/renderHtml.ts";
import { sampleReport } from "../support/reportFixture.ts";
import { HOSTILE, poisoned } from "./hostile.ts";

/** A browser's view of tags, simplified to the side of caution: whatever begins like a tag is one. */
function tags(html: string): string[] {
  return [...html.matchAll(/<[!/a-zA-Z?][^>]*>?/g)].map(([tag]) => tag);
}

/** Tags with every attribute's value taken out. */
function skeleton(html: string): string[] {
  return tags(html).map((tag) => tag.replace(/="[^"]*"/g, '=""'));
}

const UNSAFE = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\t\n]]/v;

describe.each(HOSTILE)("with %j in every field that others write", (text) => {
  const html = renderHtml(poisoned(sampleReport(), text));

  test("the page has the very tags and attributes that it has with harmless text", () => {
    expect(skeleton(html)).toEqual(skeleton(renderHtml(poisoned(sampleReport(), "harmless"))));
  });

  test("no character that acts is left, and what was written can still be read", () => {
    expect(html.toWellFormed()).not.toMatch(UNSAFE);
    const readable = text.match(/alert\(1\)|evil\.example|heading|safe|half|&lt;/)?.[0].replace("&", "&#38;");
    expect(html).toContain(readable);
  });
});

test("any text at all comes out as text", () => {
  assert(
    property(string({ unit: "binary", maxLength: 200 }), (text) => {
      const { html } = h`<p title="${text}">${text}</p>`;
      return tags(html).length === 2 && !UNSAFE.test(html.toWellFormed());
    }),
  );
});

test("only what went through the template is markup, and lists of it", () => {
  const bold = h`<b>${"<x>"}</b>`;
  expect(h`${bold}${[bold, "<y>", bold]}${7}`.html).toBe(
    "<b>&#60;x&#62;</b><b>&#60;x&#62;</b>&#60;y&#62;<b>&#60;x&#62;</b>7",
  );
});

test("a text longer than any field may be is cut", () => {
  expect(h`${"x".repeat(200_000)}`.html).toHaveLength(70_001);
});

test("a table without rows is a sentence, never an empty table", () => {
  expect(table(["A"], [], "Nothing <asked>.").html).toBe('<p class="soft">Nothing &#60;asked&#62;.</p>');
  expect(table(["A", "#N"], [["x", 3]], "").html).toContain('<td class="n" data-name="N">3</td>');
});
