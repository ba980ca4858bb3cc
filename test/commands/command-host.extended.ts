// Further command lines.
import './command-host.test.ts'
