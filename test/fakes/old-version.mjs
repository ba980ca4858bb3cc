#!/usr/bin/env node
// A fake `claude` of an old version.
import { runFake } from './fake-cli.mjs'

await runFake({ version: '1.0.3' })
