// Package versions is the registry of engine versions.
//
// One root actor that lives as long as the process and is the single writer of the registry. It reads the rows when it
// is first asked and answers from memory; after a commit whose outcome is unknown it reads them again. It panics on
// nothing. Games read the registry through a store interface of their own, for no actor asks another.
package versions
