// The settings of the server as options of the commands that start one. Not for their values (see config/load.ts).
import { type Command, Option } from 'commander'
import { type ConfigOption, configFileOption, configOptions } from '../config/options.ts'

/** Adds an option for every setting of the server. */
export function addSettingOptions(command: Command): void {
  for (const declared of Object.values<ConfigOption>(configOptions)) {
    const switchOrValue = declared.placeholder === null ? '' : ` ${declared.placeholder}`
    const option = new Option(`--${declared.name}${switchOrValue}`, describe(declared)).helpGroup(`${declared.group}:`)
    if (declared.repeatable) {
      option.argParser((value: string, earlier: string[] | undefined) => (earlier || []).concat(value))
    }
    command.addOption(option)
    // A flag can turn off a switch that the environment or the configuration file turned on.
    if (declared.placeholder === null) command.addOption(new Option(`--no-${declared.name}`).hideHelp())
  }
  const { name, placeholder, description, environment, defaultText } = configFileOption
  const fileHelp = `${description} (${environment}; default: ${defaultText})`
  command.addOption(new Option(`--${name} ${placeholder}`, fileHelp).helpGroup('Settings:'))
}

function describe(declared: ConfigOption): string {
  const defaultText = declared.defaultText === null ? String(declared.default) : declared.defaultText
  const availability = declared.available ? '' : '; not available yet'
  return `${declared.description} (${declared.environment}; default: ${defaultText}${availability})`
}
