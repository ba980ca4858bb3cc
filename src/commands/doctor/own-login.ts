// Whether Claude Code would still be logged in without the variables that name another login or address: only then is it any help to remove
// them. It asks the CLI, and reads no token.
import type { Environment } from '../../config/sources.ts'
import { executableOf } from './claude.ts'
import type { DoctorContext } from './finding.ts'

/** With one of these the CLI does not use the login that it has stored, or uses it elsewhere. */
const others =
  /^(?:ANTHROPIC_(?:API_KEY|AUTH_TOKEN|CUSTOM_HEADERS|(?:[A-Z]+_)?BASE_URL)|CLAUDE_CODE_OAUTH_TOKEN|CLAUDE_CODE_USE_[A-Z]+)$/

const answers = new WeakMap<Environment, Promise<boolean>>()

export function hasOwnLogin(context: DoctorContext): Promise<boolean> {
  const known = answers.get(context.environment)
  if (known !== undefined) return known
  const environment = Object.fromEntries(Object.entries(context.environment).filter(([name]) => !others.test(name)))
  const answer = executableOf({ ...context, environment }, context.config.claudeBin)
    .login()
    .then(
      ({ loggedIn }) => loggedIn,
      () => false,
    )
  answers.set(context.environment, answer)
  return answer
}
