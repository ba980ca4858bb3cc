// What the Anthropic suite tests: a client package, and the server that the suite starts for it.
import type { Anthropic } from '@anthropic-ai/sdk'
import type { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import type { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import type { TestServer } from '../helpers/test-server.ts'

/** The parts of the client's package that the suite needs; the types are those of the newest version. */
export type AnthropicPackage = {
  Anthropic: typeof Anthropic
  betaTool: typeof betaTool
  zodOutputFormat: typeof zodOutputFormat
  /** The version of the API that the client requests by default. */
  version: '2023-06-01' | '2026-10-21'
}

/** What the cases of the suite share. */
export type Subject = AnthropicPackage & {
  server: TestServer
  client: Anthropic
  /** A former major version, for which only those cases run in which the versions could differ. */
  isFormer: boolean
  makeClient: (target: { url: string }) => Anthropic
}
