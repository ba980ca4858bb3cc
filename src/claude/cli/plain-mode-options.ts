// How a process for plain models is started, so that it is the model and nothing else: no tools, settings, commands or
// file mentions, whatever the prompt says and whatever the folder contains. Each switch closes a hole that the others
// leave open; do not remove one without checking what it alone prevents: test/security/cli-switches-table.ts.
import type { HookCallback, Options } from '@anthropic-ai/claude-agent-sdk'
import { answerTool, type Profile } from './profile.ts'

/**
 * In addition to the list in environment.ts. All tools are offered at once, under the client's own names and with the whole of their
 * descriptions, which the CLI would cut at 4,096 characters. The client's history is never replaced by a summary of it, neither ahead of
 * time nor after the model's API has refused it as too long. Whether it is too long is for the API to say: by itself, the CLI would
 * refuse what comes near the model's limit, by its estimate; now only what is far beyond the longest, 1,000,000 tokens.
 */
export const plainEnvironment: Readonly<Record<string, string>> = {
  CLAUDE_CODE_DISABLE_ATTACHMENTS: '1',
  CLAUDE_AGENT_SDK_MCP_NO_PREFIX: '1',
  ENABLE_TOOL_SEARCH: 'false',
  CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH: '100000000',
  DISABLE_COMPACT: '1',
  CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: '1200000',
}

/**
 * A call of a client's tool ends the turn: the client runs the tool and sends the result in its next request. With a
 * schema the CLI has a tool of its own for the answer, whose calls must be let through.
 */
const deferCalls =
  ({ jsonSchema }: Profile): HookCallback =>
  async (input) => {
    const isAnswer = jsonSchema !== null && 'tool_name' in input && input.tool_name === answerTool
    return isAnswer ? {} : { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'defer' } }
  }

/** What turns set in a live process (claude/process/turn-settings.ts), for one that is started for it. */
export function fixedEnvironment({ fixed: { thinking, maxOutputTokens } }: Profile): Record<string, string> {
  return {
    ...(thinking.isOff ? { CLAUDE_CODE_DISABLE_THINKING: '1' } : {}),
    ...(maxOutputTokens === null ? {} : { CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(maxOutputTokens) }),
  }
}

/** The same for thinking. Without a budget the model decides how much it thinks. */
function fixedThinking({ fixed }: Profile): Options {
  const { budgetTokens, display } = fixed.thinking
  if (budgetTokens === null && display === null) return {}
  const shown = display === null ? {} : { display }
  return {
    thinking: budgetTokens === null ? { type: 'adaptive', ...shown } : { type: 'enabled', budgetTokens, ...shown },
  }
}

/** Without this, a client's tool named Bash would add instructions about git. */
export const plainSettings = { attribution: { commit: '', pr: '' } }

export const plainOptions = (profile: Profile): Options => ({
  strictMcpConfig: true,
  permissionPrompts: 'none',
  extraArgs: { restricted: null, 'disable-slash-commands': null },
  hooks: { PreToolUse: [{ hooks: [deferCalls(profile)] }] },
  ...fixedThinking(profile),
})
