// Fragmented files by the muxers of npm: node pack.mjs mp4box|mediabunny INPUT OUTPUT [NUMBER]
// or node pack.mjs muxjs FOLDER OUTPUT video|audio: a fragment for each .ts file of the folder.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [muxer, input, output, number] = process.argv.slice(2);
const data = muxer === "muxjs" ? undefined : readFileSync(input);

async function mp4box() {
  const { createFile, MP4BoxBuffer } = await import("mp4box");
  const file = createFile();
  const parts = [];
  file.onReady = (info) => {
    const track = info.tracks[0];
    file.onSegment = (_id, _user, buffer) => parts.push(Buffer.from(buffer));
    file.setSegmentOptions(track.id, null, { nbSamples: Number(number || 50), rapAlignement: true });
    const [init] = file.initializeSegmentation("per-track");
    parts.push(Buffer.from(init.buffer));
    file.start();
  };
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(data.buffer.slice(data.byteOffset, data.byteOffset + data.length), 0));
  file.flush();
  return Buffer.concat(parts);
}

async function mediabunny() {
  const { ALL_FORMATS, BufferSource, BufferTarget, Conversion, Input, Mp4OutputFormat, Output } = await import("mediabunny");
  const target = new BufferTarget();
  const format = new Mp4OutputFormat({ fastStart: "fragmented", minimumFragmentDuration: Number(number || 1) });
  const source = new Input({ source: new BufferSource(data), formats: ALL_FORMATS });
  const conversion = await Conversion.init({ input: source, output: new Output({ format, target }) });
  await conversion.execute();
  return Buffer.from(target.buffer);
}

async function muxjs() {
  const { mp4 } = createRequire(import.meta.url)("mux.js");
  const transmuxer = new mp4.Transmuxer({ keepOriginalTimestamps: true, remux: false });
  const parts = [];
  let begun = false;
  transmuxer.on("data", (segment) => {
    if (segment.type !== (number || "video")) return;
    if (!begun) parts.push(Buffer.from(segment.initSegment));
    begun = true;
    parts.push(Buffer.from(segment.data));
  });
  for (const name of readdirSync(input).sort()) {
    transmuxer.push(new Uint8Array(readFileSync(`${input}/${name}`)));
    transmuxer.flush();
  }
  return Buffer.concat(parts);
}

writeFileSync(output, await { mp4box, mediabunny, muxjs }[muxer]());
