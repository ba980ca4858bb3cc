#!/usr/bin/env node
// A fake `claude` that leaves out what the server can do without, and knows fewer requests: as one of another version may.
import { runFake } from './fake-cli.mjs'

const unknown = (request) => ({ error: `Unsupported control request subtype: ${request.subtype}` })

await runFake({
  control: {
    initialize: () => ({ commands: [], pid: process.pid }),
    get_settings: unknown,
    rewind_conversation: unknown,
    mcp_status: unknown,
  },
})
