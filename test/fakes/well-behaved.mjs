#!/usr/bin/env node
// A fake `claude` with which nothing is wrong.
import { runFake } from './fake-cli.mjs'

await runFake()
