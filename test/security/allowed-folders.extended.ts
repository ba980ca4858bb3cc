// The combinations that allowed-folders.test.ts leaves out.
import './allowed-folders.test.ts'
