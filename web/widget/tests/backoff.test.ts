import { describe, expect, it } from "vitest";
import { backoff } from "../src/backoff";

describe("the pause before the next attempt", () => {
  it("doubles from half a second up to thirty", () => {
    expect([0, 1, 2, 3].map((failures) => backoff(failures, () => 1))).toEqual([500, 1000, 2000, 4000]);
    expect(backoff(20, () => 1)).toBe(30_000);
    expect(backoff(5000, () => 1)).toBe(30_000);
  });

  it("is half chance, so that clients do not come back together", () => {
    expect(backoff(3, () => 0)).toBe(2000);
    expect(backoff(3, () => 0.5)).toBe(3000);
    expect(new Set(Array.from({ length: 50 }, () => backoff(6))).size).toBeGreaterThan(40);
  });
});
