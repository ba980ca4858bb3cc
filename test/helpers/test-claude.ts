// The real CLI that tests use: the one that the Agent SDK ships, or another one, to see whether everything works with that too.
import { sdkExecutable } from '../../src/claude/cli/executable.ts'

/** The path in the variable CLAUDE_SERVE_TEST_CLAUDE; null if it is not set. */
export const otherClaude = process.env.CLAUDE_SERVE_TEST_CLAUDE || null

export const testClaude = otherClaude ?? sdkExecutable() ?? 'claude'
