// The combinations that fake-cli.test.ts leaves out.
import './fake-cli.test.ts'
