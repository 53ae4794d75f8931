package rules

import "math"

// ShipType is a design: drive, guns (Attacks of strength Weapons), shields and cargo hold.
type ShipType struct {
	Name    string  `json:"name"`
	Drive   float64 `json:"drive"`
	Attacks int     `json:"attacks"`
	Weapons float64 `json:"weapons"`
	Shields float64 `json:"shields"`
	Cargo   float64 `json:"cargo"`
}

// Mass is that of the empty ship: D + S + C, and W·(1+(A−1)/2) for its guns.
func (t ShipType) Mass() float64 {
	m := t.Drive + t.Shields + t.Cargo
	if t.Attacks > 0 {
		m += t.Weapons * (1 + float64(t.Attacks-1)/2)
	}
	return m
}

// Valid checks the rules of design: guns and their strength go together, and each part is nothing or at least 1.
func (t ShipType) Valid() bool {
	if t.Attacks < 0 || (t.Attacks == 0) != (t.Weapons == 0) || t.Mass() == 0 {
		return false
	}
	for _, part := range []float64{t.Drive, t.Weapons, t.Shields, t.Cargo} {
		if math.IsNaN(part) || math.IsInf(part, 0) || part != 0 && part < 1 || part > maxPart {
			return false
		}
	}
	return t.Attacks <= maxPart
}

// maxPart keeps designs within what arithmetic can carry.
const maxPart = 10000

// Capacity is what one ship's hold carries: techC·(C + C²/20).
func (t ShipType) Capacity(tech Tech) float64 {
	return tech.Cargo * (t.Cargo + float64(t.Cargo*t.Cargo)/20)
}

// FullMass is the mass of one ship with its share of the load: mass + load/techC.
func (t ShipType) FullMass(tech Tech, load float64) float64 { return t.Mass() + load/tech.Cargo }

// Speed is 20·D·techD/fullmass light years a turn.
func (t ShipType) Speed(tech Tech, load float64) float64 {
	return float64(20*t.Drive*tech.Drive) / t.FullMass(tech, load)
}

// Defence is S·techS/fullmass^(1/3)·30^(1/3).
func (t ShipType) Defence(tech Tech, load float64) float64 {
	return float64(t.Shields*tech.Shields) / math.Cbrt(t.FullMass(tech, load)) * math.Cbrt(30)
}

// Attack is W·techW.
func (t ShipType) Attack(tech Tech) float64 { return t.Weapons * tech.Weapons }

// KillChance is clamp((log4(att/def)+1)/2, 0, 1), and 1 against no defence.
func KillChance(attack, defence float64) float64 {
	if defence <= 0 {
		return 1
	}
	return min(1, max(0, (math.Log(attack/defence)/math.Log(4)+1)/2))
}

// Range is how far from a planet of its own a race can send ships: 40·techD.
func (r *Race) Range() float64 { return 40 * r.Tech.Drive }

// Type gives the race's design of that name, or nil.
func (r *Race) Type(name string) *ShipType {
	for _, t := range r.Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}
