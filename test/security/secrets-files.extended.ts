// The combinations that secrets-files.test.ts leaves out.
import './secrets-files.test.ts'
