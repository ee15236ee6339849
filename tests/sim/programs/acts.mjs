// Seven acts with Google's JavaScript SDK, as its users would write them: nothing here knows of a simulator.
// Prints one JSON object a line: `act`, and what came of it. The environment says where the service is.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GoogleGenAI } from '@google/genai';

const SPEED = Number(process.env.SPEED ?? 1);
const CONFIG = {
  responseModalities: ['AUDIO'],
  tools: [{ functionDeclarations: [{
    name: 'get_weather', description: 'Current weather of one city.',
    parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] },
  }] }],
  inputAudioTranscription: {},
  outputAudioTranscription: {},
  sessionResumption: {},
};
const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });

// Noise in syllables, 16 kHz: loud for 120 ms, quiet for 60.
function speech(seconds) {
  const samples = Int16Array.from({ length: 16000 * seconds },
    (_, i) => (i % 2880 < 1920 ? (Math.random() - 0.5) * 12000 : 0));
  return Buffer.from(samples.buffer);
}

// A session whose messages are awaited one by one.
async function connect(more = {}) {
  const waiting = [];
  let wake = () => {};
  const session = await ai.live.connect({
    model: 'gemini-3.8-live',
    config: { ...CONFIG, ...more },
    callbacks: { onmessage: (message) => { waiting.push(message); wake(); } },
  });
  const next = async () => {
    while (waiting.length === 0) await new Promise((resolve) => { wake = resolve; });
    return waiting.shift();
  };
  const until = async (wanted) => {
    for (;;) {
      const found = wanted(await next());
      if (found) return found;
    }
  };
  return { session, until };
}

function say(session, pcm) {
  for (let i = 0; i < pcm.length; i += 3200) {
    const data = pcm.subarray(i, i + 3200).toString('base64');
    session.sendRealtimeInput({ audio: { data, mimeType: 'audio/pcm;rate=16000' } });
  }
}

// What comes up to the end of a turn in which something was said, or cut off.
async function turn(until) {
  const found = { said: '', sound_s: 0, heard: '', kinds: [] };
  await until((message) => {
    const content = message.serverContent ?? {};
    found.sound_s += (message.data ? Buffer.from(message.data, 'base64').length : 0) / 48000;
    found.said += content.outputTranscription?.text ?? '';
    found.heard += content.inputTranscription?.text ?? '';
    for (const kind of ['interrupted', 'generationComplete']) if (content[kind]) found.kinds.push(kind);
    return content.turnComplete && (found.said || found.kinds.length);
  });
  return found;
}

const show = (act, found) => console.log(JSON.stringify({ act, ...found }));

async function oneSession() {
  const { session, until } = await connect();
  const handle = await until((message) => message.sessionResumptionUpdate?.newHandle);
  session.sendClientContent({ turns: [{ role: 'user', parts: [{ text: 'Good morning' }] }], turnComplete: true });
  show('typed', await turn(until));

  say(session, Buffer.concat([Buffer.alloc(9600), speech(1.5), Buffer.alloc(64000)]));
  show('spoken', await turn(until));

  session.sendRealtimeInput({ text: 'How is the weather in Lisbon?' });
  const [call] = await until((message) => message.toolCall?.functionCalls);
  const response = { output: 'sunny, 24 degrees' };
  session.sendToolResponse({ functionResponses: [{ id: call.id, name: call.name, response }] });
  show('tool', { name: call.name, args: call.args, ...await turn(until) });

  session.close();
  return handle;
}

async function bargeIn() {
  const { session, until } = await connect({ tools: [] });
  session.sendRealtimeInput({ text: 'Tell me a long story' });
  await until((message) => message.data);
  say(session, speech(0.6));
  show('barge_in', await turn(until));

  session.sendRealtimeInput({ audioStreamEnd: true });
  show('audio_stream_end', await turn(until));
  session.close();
}

const handle = await oneSession();
await bargeIn();
await sleep(1500 / SPEED); // the service refuses a handle for a second
const resumed = await connect({ sessionResumption: { handle } });
resumed.session.sendRealtimeInput({ text: 'And again' });
show('resumed', await turn(resumed.until));
resumed.session.close();

const manual = await connect({ realtimeInputConfig: { automaticActivityDetection: { disabled: true } } });
manual.session.sendRealtimeInput({ activityStart: {} });
say(manual.session, speech(1));
manual.session.sendRealtimeInput({ activityEnd: {} });
show('manual', await turn(manual.until));
manual.session.close();

const sdk = JSON.parse(readFileSync('node_modules/@google/genai/package.json', 'utf8')).version;
show('done', { sdk, node: process.version });
