// A typed turn with Google's own SDK, as it talks to the service; nothing in here knows of a simulator.
//
//     npm install @google/genai
//     flashlive sim -- node examples/live.mjs
import { GoogleGenAI, Modality } from '@google/genai';

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const session = await ai.live.connect({
  model: 'gemini-3.8-live',
  config: { responseModalities: [Modality.AUDIO], outputAudioTranscription: {} },
  callbacks: {
    onmessage: ({ serverContent: content }) => {
      process.stdout.write(content?.outputTranscription?.text ?? '');
      if (content?.turnComplete) {
        process.stdout.write('\n');
        session.close();
      }
    },
    onclose: ({ code, reason }) => {
      if (code !== 1000 && code !== 1005) console.error(`closed with ${code} ${reason}`);
    },
  },
});
session.sendRealtimeInput({ text: 'Where is my order A-1001?' });
