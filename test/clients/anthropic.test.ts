// Runs the suite with the client's current major version.
import { Anthropic } from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { testAnthropicClient } from './anthropic-suite.ts'

await testAnthropicClient('@anthropic-ai/sdk 1', { Anthropic, betaTool, zodOutputFormat, version: '2026-10-21' })
