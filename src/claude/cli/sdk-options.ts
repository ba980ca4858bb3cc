// Translates a profile into options of the Agent SDK. A client's free text (prompts, schemas, servers, agents) goes to
// the CLI over stdin; only names, rules, numbers and paths are arguments of the process, each as `--flag=value`.
import type { AgentDefinition, McpServerConfig, Options } from '@anthropic-ai/claude-agent-sdk'
import { plainOptions } from './plain-mode-options.ts'
import type { Profile } from './profile.ts'

/** The conversation that a process is spawned with. `sessionId` is its id from then on. */
export type SpawnMode =
  | { kind: 'new'; sessionId: string }
  | { kind: 'resume'; sessionId: string }
  | { kind: 'fork'; from: string; sessionId: string }

function systemPrompt({ prompt }: Profile, mode: SpawnMode): Options['systemPrompt'] {
  // A recorded prompt would take precedence over the one in this request.
  if (prompt.kind === 'fixed') return { type: 'custom', prompt: prompt.text, snapshot: mode.kind === 'new' }
  const append = prompt.kind === 'claude-code' ? prompt.append : null
  return { type: 'preset', preset: 'claude_code', ...(append === null ? {} : { append }) }
}

function conversation(mode: SpawnMode): Options {
  if (mode.kind === 'resume') return { resume: mode.sessionId }
  if (mode.kind === 'fork') return { resume: mode.from, forkSession: true, sessionId: mode.sessionId }
  return { sessionId: mode.sessionId }
}

/** Leaves out fields that are null, because the SDK distinguishes an absent field from every value. */
function withoutNulls(fields: { [K in keyof Options]: Options[K] | null }): Options {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

/**
 * The CLI supports one version of JSON Schema and ignores a schema that names another; the schema's content is checked
 * earlier.
 */
function withoutVersion({ $schema: _, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema
}

export function toSdkOptions(profile: Profile, mode: SpawnMode): Options {
  const options = withoutNulls({
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
    outputFormat:
      profile.jsonSchema === null ? null : { type: 'json_schema', schema: withoutVersion(profile.jsonSchema) },
    allowDangerouslySkipPermissions: profile.permissionMode === 'bypassPermissions' ? true : null,
  })
  return Object.assign(profile.plain ? plainOptions(profile) : {}, options, {
    cwd: profile.cwd,
    systemPrompt: systemPrompt(profile, mode),
    settingSources: profile.settingSources,
    permissionMode: profile.permissionMode,
    includePartialMessages: true,
    mcpServersDelivery: 'initialize' as const,
    // A reused process holds many conversations; each is written to a file of its own (claude/sessions/transcript.ts).
    ...(profile.reusable ? { persistSession: false } : conversation(mode)),
  })
}
