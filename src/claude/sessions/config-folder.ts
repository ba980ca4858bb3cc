// Where the CLI keeps its login, settings and conversations.

/** Variables of a process by name. */
export type Environment = Record<string, string | undefined>

/** The CLI's own configuration folder for a process with this environment. */
export function configFolder(environment: Environment): string {
  const home = environment.HOME ?? environment.USERPROFILE ?? '.'
  return environment.CLAUDE_CONFIG_DIR || `${home}/.claude`
}
