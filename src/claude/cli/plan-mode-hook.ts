// In plan mode the CLI reads files anywhere without asking, unlike in any other mode. Here it asks as it does there: what lies beyond
// the working folders needs permission, which is denied where nobody can be asked.
import { dirname, join, resolve } from 'node:path'
import type { HookCallback, Options } from '@anthropic-ai/claude-agent-sdk'
import { isWithin, realPathSoFar } from '../../platform/allowed-folders.ts'
import type { Profile } from './profile.ts'

const readers = 'Read|Grep|Glob|LS|NotebookRead'

/** Where the CLI keeps plans, and what tools had to say that was too long. */
const ownFolders = ['plans', 'projects']

type ReaderInput = { file_path?: unknown; notebook_path?: unknown; path?: unknown; pattern?: unknown }

/** The CLI's tools know the home folder by this name. */
const isHome = (path: string) => path.startsWith('~')

/** What a pattern looks into: the folder before its first special sign. */
const rootOf = (pattern: string) => dirname(`${pattern.replace(/[*?[{].*$/s, '')}x`)

function placesOf(toolName: string, cwd: string, { file_path, notebook_path, path, pattern }: ReaderInput): string[] {
  const named = [file_path, notebook_path, path]
    .filter((each) => typeof each === 'string')
    .map((each) => (isHome(each) ? each : resolve(cwd, each)))
  if (toolName !== 'Glob' || typeof pattern !== 'string') return named
  return [...named, resolve(named[0] ?? cwd, rootOf(pattern))]
}

const askBeyond =
  ({ cwd, addDirs }: Profile, configDir: string): HookCallback =>
  async (input) => {
    if (input.hook_event_name !== 'PreToolUse') return {}
    const folders = [cwd, ...(addDirs ?? []), ...ownFolders.map((name) => join(configDir, name))]
    for (const place of placesOf(input.tool_name, cwd, (input.tool_input ?? {}) as ReaderInput)) {
      const real = await realPathSoFar(place)
      if (!isHome(place) && folders.some((folder) => isWithin(real, folder))) continue
      const permissionDecisionReason = `${place} is outside of the working folder`
      return {
        hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'ask', permissionDecisionReason },
      }
    }
    return {}
  }

export function planOptions(profile: Profile, configDir: string): Options {
  if (profile.plain || profile.permissionMode !== 'plan') return {}
  return { hooks: { PreToolUse: [{ matcher: readers, hooks: [askBeyond(profile, configDir)] }] } }
}
