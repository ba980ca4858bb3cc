#!/usr/bin/env node
// A fake `claude` from long ago.
import { runFake } from './fake-cli.mjs'

await runFake({ version: '1.0.3' })
