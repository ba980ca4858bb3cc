// The environment of CLI processes in a demo: uses the scripted upstream instead of the operator's provider and login.
import { join } from 'node:path'

type Environment = Record<string, string | undefined>

export function demoEnvironment(environment: Environment, upstreamUrl: string, dataDir: string): Environment {
  const inherited = Object.entries(environment).filter(
    ([name]) => !/^(ANTHROPIC_|CLAUDE_|AWS_|GOOGLE_|https?_proxy$|all_proxy$)/i.test(name),
  )
  return {
    ...Object.fromEntries(inherited),
    ANTHROPIC_BASE_URL: upstreamUrl,
    ANTHROPIC_API_KEY: 'sk-ant-demo-000',
    CLAUDE_CONFIG_DIR: join(dataDir, 'demo'),
  }
}
