// A profile in the words of the Agent SDK. What a client wrote as free text (prompts, schemas, servers, agents) goes to the
// CLI over stdin; only names, rules, numbers and paths are arguments of the process, each as `--flag=value`.
import type { AgentDefinition, McpServerConfig, Options } from '@anthropic-ai/claude-agent-sdk'
import { plainOptions } from './plain-mode-options.ts'
import type { Profile } from './profile.ts'

/** Which conversation a process is born with. `sessionId` is its id from then on. */
export type SpawnMode =
  | { kind: 'new'; sessionId: string }
  | { kind: 'resume'; sessionId: string }
  | { kind: 'fork'; from: string; sessionId: string }

function systemPrompt({ prompt }: Profile, birth: SpawnMode): Options['systemPrompt'] {
  // A recorded prompt would win over the one that this request names.
  if (prompt.kind === 'fixed') return { type: 'custom', prompt: prompt.text, snapshot: birth.kind === 'new' }
  const append = prompt.kind === 'claude-code' ? prompt.append : null
  return { type: 'preset', preset: 'claude_code', ...(append === null ? {} : { append }) }
}

function conversation(birth: SpawnMode): Options {
  if (birth.kind === 'resume') return { resume: birth.sessionId }
  if (birth.kind === 'fork') return { resume: birth.from, forkSession: true, sessionId: birth.sessionId }
  return { sessionId: birth.sessionId }
}

/** Leaves out what is null, as the SDK tells "absent" from every value. */
function given(fields: { [K in keyof Options]: Options[K] | null }): Options {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

/** The CLI knows one version of JSON Schema, and passes over a schema that names another; what it holds is checked before. */
function undated({ $schema: _, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema
}

export function toSdkOptions(profile: Profile, birth: SpawnMode): Options {
  const options = given({
    model: profile.model,
    fallbackModel: profile.fallbackModel,
    effort: profile.effort,
    tools: profile.tools,
    allowedTools: profile.allowedTools,
    disallowedTools: profile.disallowedTools,
    additionalDirectories: profile.addDirs,
    maxTurns: profile.maxTurns,
    maxBudgetUsd: profile.maxBudgetUsd,
    mcpServers: profile.mcpServers as Record<string, McpServerConfig> | null,
    agents: profile.agents as Record<string, AgentDefinition> | null,
    outputFormat: profile.jsonSchema === null ? null : { type: 'json_schema', schema: undated(profile.jsonSchema) },
    allowDangerouslySkipPermissions: profile.permissionMode === 'bypassPermissions' ? true : null,
  })
  return Object.assign(profile.plain ? plainOptions(profile) : {}, options, {
    cwd: profile.cwd,
    systemPrompt: systemPrompt(profile, birth),
    settingSources: profile.settingSources,
    permissionMode: profile.permissionMode,
    includePartialMessages: true,
    mcpServersDelivery: 'initialize' as const,
    // A reused process holds many conversations; each is written to a file of its own (claude/sessions/transcript.ts).
    ...(profile.reusable ? { persistSession: false } : conversation(birth)),
  })
}
