#!/usr/bin/env node
// A fake `claude` without the ability to rewind a conversation.
import { runFake } from './fake-cli.mjs'

await runFake({
  control: {
    rewind_conversation: () => ({ error: 'Unsupported control request subtype: rewind_conversation' }),
  },
})
