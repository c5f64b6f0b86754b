// Fails the build when the widget outgrows what a guest on somebody's page may weigh.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 11 * 1024;
const size = gzipSync(readFileSync(new URL("../dist/widget.js", import.meta.url)), { level: 9 }).length;
console.log(`dist/widget.js: ${size} bytes gzip of ${LIMIT}`);
if (size > LIMIT) process.exit(1);
