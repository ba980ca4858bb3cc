#!/usr/bin/env node
// A fake `claude` that starts and then never answers `initialize`.
import { hang, runFake } from './fake-cli.mjs'

await runFake({ control: { initialize: () => undefined }, turn: hang })
