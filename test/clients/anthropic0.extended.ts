// Runs the suite with the client's former major version, which most programs still use.
import type { Anthropic } from '@anthropic-ai/sdk'
import type { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import type { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import * as anthropic from 'anthropic0'
import * as tools from 'anthropic0/helpers/beta/json-schema'
import * as formats from 'anthropic0/helpers/zod'
import { testAnthropicClient } from './anthropic-suite.ts'

await testAnthropicClient(
  '@anthropic-ai/sdk 0',
  {
    // The suite uses only what both versions share, but their classes have different types.
    Anthropic: anthropic.Anthropic as unknown as typeof Anthropic,
    betaTool: tools.betaTool as unknown as typeof betaTool,
    zodOutputFormat: formats.zodOutputFormat as unknown as typeof zodOutputFormat,
    version: '2023-06-01',
  },
  true,
)
