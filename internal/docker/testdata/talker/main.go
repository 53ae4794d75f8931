// Talker is an engine that says much, and ends with what matters.
package main

import "fmt"

func main() {
	for n := range 5000 {
		fmt.Printf("line %d of what only fills the log, and fills it with more than anybody keeps\n", n)
	}
	fmt.Println("the talker ends, and says why")
}
