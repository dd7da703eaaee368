import { escapeViews } from "./escapes.ts";
import { type Budget, compressedViews } from "./inflate.ts";
import { base32Views, base64Views, escapedHexViews, hexViews } from "./runs.ts";
import { type Shape, shapeOf } from "./shape.ts";
import type { View } from "./view.ts";

/** How often an encoding inside an encoding is opened. */
export const DEPTH_MAX = 4;

/**
 * Every other reading of a text: its base64, base32 and hex runs, its escapes undone, its compressed content. Each costs from
 * `budget`; when that is spent there are no more, which bounds the work on hostile input.
 * @param from the encoding that the text itself was read from.
 */
export function* views(bytes: Buffer, budget: Budget, shape: Shape = shapeOf(bytes), from?: string): Generator<View> {
  for (const view of all(bytes, shape, budget, from)) {
    if (budget.bytes < view.bytes.length) {
      budget.isSpent = true;
      return;
    }
    budget.bytes -= view.bytes.length;
    yield view;
  }
}

function* all(bytes: Buffer, shape: Shape, budget: Budget, from: string | undefined): Generator<View> {
  if (shape.hasEscapes) {
    yield* escapeViews(bytes);
    yield* escapedHexViews(bytes);
  }
  yield* hexViews(bytes, shape);
  yield* base64Views(bytes, shape);
  yield* base32Views(bytes, shape);
  yield* compressedViews(bytes, budget, from === "hex");
}
