#!/usr/bin/env node
// A fake `claude` that works correctly.
import { runFake } from './fake-cli.mjs'

await runFake()
