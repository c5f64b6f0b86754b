const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** How long to wait before attempt `failures + 1`: doubles, and half of it is chance so that clients spread out. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  return ceiling / 2 + (random() * ceiling) / 2;
}
