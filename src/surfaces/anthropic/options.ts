// What Anthropic's routes need from the server.
import type { BatchOptions, CompatOptions } from '../../compat/serve-run.ts'

export type AnthropicOptions = CompatOptions & BatchOptions
